"""Networks of 1-bit weights and few-bit activations that compute with integers alone (Weinstock, ORSS 2023).

    trained, record = integer.train(data, model, IntegerRecipe(), seed, advance)    # any chain of Keras layers
    network = integer.fold(trained)                                                 # integer thresholds, integer sums
    classes = network.classes(codes)                                                # NumPy, no floating point

The abstract says 1-bit weights, 2-bit activations and integer training; how the parts fit together is our reading:

- a weight is +1 or -1, a differential pair; an activation is a code 0..3; an image becomes codes in its DAC;
- a column gives the integer sum of code times weight; batch norm, its scale and the activation's rounding are folded
  into three integer thresholds a column: the next code is how many of them the sum has reached;
- the last layer's sums are the logits, with no scale, offset or bias: training sees them times one learned factor.

docs/integer.md has figures. Importing this package needs no Keras.
"""
