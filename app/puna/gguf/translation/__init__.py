"""Files in the form of Ollama's own converter, made into files that llama.cpp loads.

Ollama reads them with a patched llama.cpp. Upstream refuses tensors it does
not know (built-in image encoders above all) and some names of keys and
architectures. Each family of models says in one place how its files differ;
out of that come a copy of the text side and one of the encoders, which is
what llama.cpp calls a projector.

Source: ``ollama-store-registry-cli`` contract, part 7.
"""
