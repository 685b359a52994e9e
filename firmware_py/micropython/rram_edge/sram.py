"""How the SRAM holds the correction: float32, or codes of few bits times a power of two (docs/bundle.md)."""

from rram_edge.bundle import Bundle


class Codes:
    """The bundle's key `correction`; RramError where a layer has a low-rank part."""

    def __init__(self, bundle: Bundle, layers: list):
        self.layers, self.document = layers, None
        if "correction" in bundle.metadata:
            self.document = bundle.document("correction")
            for name, given in self.document["layers"].items():
                if given.get("rank", 0):
                    raise bundle.fail(f"correction.layers.{name}.rank: {given['rank']} given, MicroPython carries 0")

    def settle(self) -> None:
        """Round every number, in place, to what the SRAM can hold: ties to even, clipped at the ends."""
        if self.document is None:
            return
        bits = {"value": self.document["value_bits"]}
        bits["gain"] = bits["offset"] = self.document["number_bits"]
        for layer in self.layers:
            for key in ("gain", "offset", "value"):
                if bits[key] < 32:
                    step, most = 2.0 ** self.document["layers"][layer.name].get(key, 0), 1 << (bits[key] - 1)
                    numbers = getattr(layer, key)
                    for i, number in enumerate(numbers):
                        numbers[i] = min(max(round(number / step), -most), most - 1) * step
