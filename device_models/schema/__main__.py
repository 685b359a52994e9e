"""Write the schema files anew from the classes."""

from pathlib import Path

from device_models.schema import DOCUMENTS, render

for name in DOCUMENTS:
    Path(__file__).with_name(f"{name}.schema.json").write_text(render(name), encoding="utf-8")
    print(f"{name}.schema.json written")
