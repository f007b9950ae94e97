"""What the source printed of its two networks: P. H. C. Long, "Kolmogorov-Arnold Networks Research Report", July 2024.

The tables are those of torchsummary, one row a layer: its name and number, its output without the batch, and its
parameters as the tool counts them (see `layer_table`).
"""

from kanpipe.experiments.mnist_classifiers.layer_rows import LayerTable, Row


def _rows(printed: str) -> tuple[Row, ...]:
    return tuple(_row(*line.split("  ")) for line in printed.strip().splitlines())


def _row(name: str, shape: str, parameters: str) -> Row:
    return Row(name, tuple(int(size) for size in shape.split(" x ")), int(parameters.replace(",", "")))


MLP_ROWS = _rows("""
Conv2d-1  32 x 28 x 28  320
ReLU-2  32 x 28 x 28  0
BatchNorm2d-3  32 x 28 x 28  64
MaxPool2d-4  32 x 14 x 14  0
Dropout-5  32 x 14 x 14  0
Conv2d-6  64 x 14 x 14  18,496
BatchNorm2d-7  64 x 14 x 14  128
Conv2d-8  64 x 14 x 14  36,928
BatchNorm2d-9  64 x 14 x 14  128
Conv2d-10  64 x 14 x 14  36,928
BatchNorm2d-11  64 x 14 x 14  128
Conv2d-12  64 x 14 x 14  36,928
BatchNorm2d-13  64 x 14 x 14  128
ReLU-14  64 x 14 x 14  0
Conv2d-15  64 x 14 x 14  36,928
BatchNorm2d-16  64 x 14 x 14  128
ReLU-17  64 x 14 x 14  0
BasicResBlock-18  64 x 14 x 14  0
AdaptiveAvgPool2d-19  64 x 1 x 1  0
Linear-20  4  256
ReLU-21  4  0
Linear-22  64  256
Sigmoid-23  64  0
SEBlock-24  64 x 14 x 14  0
MaxPool2d-25  64 x 7 x 7  0
Dropout-26  64 x 7 x 7  0
Conv2d-27  128 x 7 x 7  73,856
Conv2d-28  128 x 7 x 7  1,280
Conv2d-29  128 x 7 x 7  16,512
DepthwiseSeparableConv-30  128 x 7 x 7  0
ReLU-31  128 x 7 x 7  0
Conv2d-32  256 x 7 x 7  295,168
BatchNorm2d-33  256 x 7 x 7  512
Conv2d-34  256 x 7 x 7  590,080
BatchNorm2d-35  256 x 7 x 7  512
Conv2d-36  256 x 7 x 7  590,080
BatchNorm2d-37  256 x 7 x 7  512
Conv2d-38  256 x 7 x 7  590,080
BatchNorm2d-39  256 x 7 x 7  512
ReLU-40  256 x 7 x 7  0
Conv2d-41  256 x 7 x 7  590,080
BatchNorm2d-42  256 x 7 x 7  512
ReLU-43  256 x 7 x 7  0
BasicResBlock-44  256 x 7 x 7  0
AdaptiveAvgPool2d-45  256 x 1 x 1  0
Linear-46  16  4,096
ReLU-47  16  0
Linear-48  256  4,096
Sigmoid-49  256  0
SEBlock-50  256 x 7 x 7  0
MaxPool2d-51  256 x 3 x 3  0
Dropout-52  256 x 3 x 3  0
Conv2d-53  256 x 2 x 2  262,400
Conv2d-54  32 x 2 x 2  8,224
Conv2d-55  32 x 2 x 2  8,224
Conv2d-56  256 x 2 x 2  65,792
SelfAttention-57  256 x 2 x 2  0
AdaptiveAvgPool2d-58  256 x 1 x 1  0
Linear-59  10  2,570
""")

FASTERKAN_ROWS = _rows("""
Conv2d-1  32 x 28 x 28  320
ReLU-2  32 x 28 x 28  0
BatchNorm2d-3  32 x 28 x 28  64
MaxPool2d-4  32 x 14 x 14  0
Dropout-5  32 x 14 x 14  0
Conv2d-6  64 x 14 x 14  2,048
BatchNorm2d-7  64 x 14 x 14  128
Conv2d-8  64 x 14 x 14  18,432
BatchNorm2d-9  64 x 14 x 14  128
Conv2d-10  64 x 14 x 14  36,864
BatchNorm2d-11  64 x 14 x 14  128
BasicResBlock-12  64 x 14 x 14  0
AdaptiveAvgPool2d-13  64 x 1 x 1  0
Linear-14  4  256
ReLU-15  4  0
Linear-16  64  256
Sigmoid-17  64  0
SEBlock-18  64 x 14 x 14  0
MaxPool2d-19  64 x 7 x 7  0
Dropout-20  64 x 7 x 7  0
Conv2d-21  64 x 5 x 5  640
Conv2d-22  128 x 5 x 5  8,320
DepthwiseSeparableConv-23  128 x 5 x 5  0
ReLU-24  128 x 5 x 5  0
Conv2d-25  256 x 5 x 5  32,768
BatchNorm2d-26  256 x 5 x 5  512
Conv2d-27  256 x 5 x 5  294,912
BatchNorm2d-28  256 x 5 x 5  512
Conv2d-29  256 x 5 x 5  589,824
BatchNorm2d-30  256 x 5 x 5  512
BasicResBlock-31  256 x 5 x 5  0
AdaptiveAvgPool2d-32  256 x 1 x 1  0
Linear-33  16  4,096
ReLU-34  16  0
Linear-35  256  4,096
Sigmoid-36  256  0
SEBlock-37  256 x 5 x 5  0
MaxPool2d-38  256 x 2 x 2  0
Dropout-39  256 x 2 x 2  0
Conv2d-40  32 x 2 x 2  8,224
Conv2d-41  32 x 2 x 2  8,224
Conv2d-42  256 x 2 x 2  65,792
SelfAttention-43  256 x 2 x 2  0
AdaptiveAvgPool2d-44  256 x 1 x 1  0
EnhancedFeatureExtractor-45  256  0
LayerNorm-46  256  512
ReflectionalSwitchFunction-47  256 x 8  0
SplineLinear-48  128  262,144
FasterKANLayer-49  128  0
LayerNorm-50  128  256
ReflectionalSwitchFunction-51  128 x 8  0
SplineLinear-52  64  65,536
FasterKANLayer-53  64  0
LayerNorm-54  64  128
ReflectionalSwitchFunction-55  64 x 8  0
SplineLinear-56  32  16,384
FasterKANLayer-57  32  0
LayerNorm-58  32  64
ReflectionalSwitchFunction-59  32 x 8  0
SplineLinear-60  16  4,096
FasterKANLayer-61  16  0
LayerNorm-62  16  32
ReflectionalSwitchFunction-63  16 x 8  0
SplineLinear-64  10  1,280
FasterKANLayer-65  10  0
""")

# The two networks of the source: extractor, head and hidden widths of the head.
NETS = {"mlp": ("wide", "linear", ()), "fasterkan": ("lean", "fasterkan", (128, 64, 32, 16))}

# Sizes in MiB: of the input, of what the layers give (twice, for the gradients), of the parameters, of all three.
TABLES = {
    "mlp": LayerTable(MLP_ROWS, 3_272_842, 3_272_842, 0.00, 3.71, 12.48, 16.19),
    "fasterkan": LayerTable(FASTERKAN_ROWS, 1_427_488, 1_427_488, 0.00, 2.04, 5.45, 7.49),
}

# The line above the first table, "Total parameters: 3272843", counts what the tool misses; the second has none.
TOTAL_PARAMETERS = {"mlp": 3_272_843}

# Accuracy in per cent, the same "~99.5" for both; seconds an epoch, and epochs.
ACCURACY = {"mlp": 99.5, "fasterkan": 99.5}
SECONDS_PER_EPOCH = {"mlp": 58, "fasterkan": 470}
EPOCHS = {"mlp": 17, "fasterkan": 22}
