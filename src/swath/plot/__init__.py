"""Pictures of what there is to see. The only place that imports matplotlib.

Everything returns a `matplotlib.figure.Figure` made without pyplot: it needs no screen, keeps no
global state and is released with its last reference. Save it with `save_figure`.
"""

from swath.plot.bands import plot_band_fit
from swath.plot.boxes import box_panel, object_figure
from swath.plot.comparison import comparison_figure
from swath.plot.curves import confusion_figure, training_curves
from swath.plot.dates import dates_panel
from swath.plot.figure import class_legend, new_figure, save_figure
from swath.plot.image import (
    agreement_text,
    as_array,
    class_table,
    colour_mask,
    default_colours,
    rgb,
    stretch,
)
from swath.plot.labels import labelled_images
from swath.plot.layers import plot_layer, radar_composite
from swath.plot.maps import map_figure
from swath.plot.panel import sample_panel
from swath.plot.panels import Panel, panels_figure
from swath.plot.reconstruction import plot_reconstruction
from swath.plot.samplers import plot_patches
from swath.plot.sheet import contact_sheet
from swath.plot.splits import plot_split
from swath.plot.values import scatter_figure, value_panel

__all__ = [
    "Panel",
    "agreement_text",
    "as_array",
    "box_panel",
    "class_legend",
    "class_table",
    "colour_mask",
    "comparison_figure",
    "confusion_figure",
    "contact_sheet",
    "dates_panel",
    "default_colours",
    "labelled_images",
    "map_figure",
    "new_figure",
    "object_figure",
    "panels_figure",
    "plot_band_fit",
    "plot_layer",
    "plot_patches",
    "plot_reconstruction",
    "plot_split",
    "radar_composite",
    "rgb",
    "sample_panel",
    "save_figure",
    "scatter_figure",
    "stretch",
    "training_curves",
    "value_panel",
]
