"""Video models behind one protocol. The only room that imports diffusers and transformers, and only on first use."""
