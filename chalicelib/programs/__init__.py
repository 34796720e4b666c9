"""Programs and their people: who belongs to which program, as what."""
