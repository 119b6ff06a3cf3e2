"""Real formats: tables and photographs of iNaturalist, meshes, photographs of hands."""
