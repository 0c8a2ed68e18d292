"""What the admin decided: node files, keys and ports, and the key file derived from them."""
