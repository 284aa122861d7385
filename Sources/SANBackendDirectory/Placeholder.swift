import SANModel
