"""What goes in and what comes out, as pydantic models.

Input models decide; output models only describe, because writing JSON from the records directly
is faster, and tests hold every answer against them. All of them feed the OpenAPI description.
"""
