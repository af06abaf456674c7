"""What a registered version is and how it answers: records, provenance, ONNX Runtime, scoring, recommendations."""
