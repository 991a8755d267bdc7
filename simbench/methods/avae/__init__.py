"""The autoregressive variational autoencoders: simbench's own, and the published network."""
