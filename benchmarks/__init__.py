"""Side-by-side measurements of Puna, llama-server and Ollama; see README.md."""
