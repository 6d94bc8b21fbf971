"""The second engine: PyMC asked the same question, and a certificate of how far both answers lie apart."""
