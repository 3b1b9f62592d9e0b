"""Sources of images, a file each."""
