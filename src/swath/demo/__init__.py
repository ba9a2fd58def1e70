"""A world that the program makes itself: imagery and labels for demonstrations and tests."""

from swath.demo.world import CLASSES, World, write_world

__all__ = ["CLASSES", "World", "write_world"]
