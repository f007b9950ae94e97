"""The two convolutional classifiers of MNIST digits of a report on KANs, and what it printed of them."""
