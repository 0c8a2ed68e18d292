"""What the admin decided: node files, keys, ports, and the key file that follows from them."""
