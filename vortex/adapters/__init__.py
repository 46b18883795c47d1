"""Vendors and operating-system services behind the ports; the only place that knows them."""
