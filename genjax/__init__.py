"""genjax: adaptive image generation in JAX.

*Data* train *models* under *losses*, steered by *control*, carried by *transfer*, judged by *evaluate*: each noun is a
sub-package, imported on its own (``from genjax.losses import adversarial``). Importing this one does no work.
"""

__version__ = "0.1.0"
