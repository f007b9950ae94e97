"""What the range of the splines does, and what the initialisation: a KAN 784-16-10 on MNIST, after KANbeFair."""
