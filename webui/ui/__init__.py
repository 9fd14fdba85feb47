"""The page: Gradio Blocks over the recognition service. No lower layer imports Gradio."""
