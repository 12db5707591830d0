"""The models folder: content-addressed blobs and the manifests that name them.

The layout is Ollama's, so that either program can use the folder of the other.
What this room promises: a blob's name never holds other bytes; a listed model
is whole; every operation leaves the old or the new state; what was reported
done survives a power loss; damage to one model harms no other; repeating a
failed operation repairs it; nothing outside the folder is written.
"""
