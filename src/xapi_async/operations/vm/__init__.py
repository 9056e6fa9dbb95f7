"""VM: everything about virtual machines.

``rules`` says what is allowed when, and is what other classes import; ``messages`` gathers the handlers. The
package itself imports nothing, so that both directions can be used without a circle.
"""
