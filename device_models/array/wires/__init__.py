"""Wire resistance (IR drop) of a crossbar: the exact node voltages, and a fast form for whole networks.

    wires = Wires(word_ohm=1.0, bit_ohm=1.0)                 # of one segment, from cell to cell
    output_currents(g_uS, v_V, wires)                        # exact, uA; cells [rows, cols], inputs [vectors, rows]
    effective_conductance(g_uS, wires)                       # exact: v_V @ this is the output of every input
    fast_conductance(g_uS, wires)                            # the same nearly, from two solutions, with its error
"""

from device_models.array.wires.elimination import effective_conductance
from device_models.array.wires.fast import FastConductance, attenuation, fast_conductance
from device_models.array.wires.output import output_currents
from device_models.array.wires.solve import NodeVoltages, node_voltages
from device_models.array.wires.wires import Wires

__all__ = [
    "FastConductance", "NodeVoltages", "Wires", "attenuation", "effective_conductance", "fast_conductance",
    "node_voltages", "output_currents",
]
