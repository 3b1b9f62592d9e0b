"""Text to image: captions to words, images to tokens, tokens to tokens, and the best of several images."""
