"""The pages of the office: what needs the dispatcher, orders, disagreements, devices, master data."""
