"""Theory and reproductions: handwriting and photographs."""
