"""The page: Gradio Blocks over the recognition service. Nothing below this layer knows Gradio."""
