"""How the SRAM holds the correction: float32, or codes of few bits times a power of two (docs/bundle.md)."""

from rram_edge.bundle import Bundle


class Codes:
    """The bundle's key `correction`, which may be missing."""

    def __init__(self, bundle: Bundle):
        self.bundle, self.document = bundle, None
        if "correction" in bundle.metadata:
            self.document = bundle.document("correction")

    def rank(self, node) -> int:
        """Rank of a layer's low-rank part, 0: none; RramError for one that no engine has."""
        rank = self.document["layers"][node.name].get("rank", 0) if self.document and not node.integer else 0
        if rank and node.groups > 1:
            text = f"correction.{node.name}: a low-rank part of a convolution with groups, expected none"
            raise self.bundle.fail(text)
        return rank

    def settle(self, layers: list) -> None:
        """Round every number, in place, to what the SRAM can hold: ties to even, clipped at the ends."""
        if self.document is None or layers[0].node.integer:
            return
        bits = dict.fromkeys(("value", "a", "b"), self.document["value_bits"])
        bits["gain"] = bits["offset"] = self.document["number_bits"]
        for layer in layers:
            for key, width in bits.items():
                if width < 32:
                    step, most = 2.0 ** self.document["layers"][layer.name].get(key, 0), 1 << (width - 1)
                    numbers = getattr(layer, key)
                    for i, number in enumerate(numbers):
                        numbers[i] = min(max(round(number / step), -most), most - 1) * step
