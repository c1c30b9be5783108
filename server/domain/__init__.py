"""Pure rules of after-sales service: values in, values out; no input, output, clock or chance."""
