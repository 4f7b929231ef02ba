"""What training made of the network of every run of a study: rank, information, loss landscape, overthinking."""
