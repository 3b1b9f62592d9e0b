"""Networks whose features judge images: none of them is trained by a run."""
