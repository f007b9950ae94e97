"""CIFAR-10 DDIM: the convolutional U-Net and its KAN twin as denoisers of photographs, and the KAN twin repaired."""
