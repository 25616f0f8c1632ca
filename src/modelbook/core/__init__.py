"""What a registry is, and every decision. Pure: bytes and data in, decisions out."""
