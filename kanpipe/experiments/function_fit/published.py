"""What pykan's notebooks print: test errors by grid size, one run each, in float32 but for the scaling example."""

TEST_RMSE = {
    # Example_2_deep_formula; its two-layer network has nine hidden units
    "pi_deep_kan": {3: 4.57e-3, 5: 1.84e-3, 10: 1.47e-4, 20: 1.05e-5, 50: 5.07e-7},
    "pi_shallow_kan": {3: 2.97e-2, 5: 2.01e-2, 10: 4.85e-3, 20: 2.95e-3, 50: 1.18e-2},
    # Example_1_function_fitting, version 0.0, and its scaling example with other numbers of points
    "plane_deep_kan": {5: 6.44e-3, 10: 3.76e-4, 20: 4.69e-5, 50: 1.30e-5, 100: 1.05e-5},
    "plane_deep_kan_3000": {5: 6.77e-3, 10: 3.35e-4, 20: 1.86e-5, 50: 4.93e-7, 100: 3.27e-8},
    "plane_deep_kan_300": {5: 6.71e-3, 10: 3.15e-4, 20: 2.34e-5, 50: 5.00e-6, 100: 3.41e-2},
    "plane_deep_kan_100": {5: 7.32e-3, 10: 8.06e-4, 20: 3.07e-4, 50: 3.15e-2, 100: 1.65},
}
