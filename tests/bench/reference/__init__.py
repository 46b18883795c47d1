"""What the product's evaluation is compared with. Frozen: a change here changes what a figure means."""
