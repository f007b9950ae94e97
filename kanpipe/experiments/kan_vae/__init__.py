"""KAN-VAE: variational autoencoders of ordinary and of KAN layers on binarised images."""
