"""The convolutional U-Net and its KAN twin as denoisers of small images, and the KAN twin repaired."""
