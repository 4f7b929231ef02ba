"""What training made of a network: numerical rank, information, loss landscapes, overthinking."""
