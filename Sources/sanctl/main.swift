print("sanctl")
