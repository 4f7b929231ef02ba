"""Image files that a user names, with the classes they are of: folders, one per class or flat, and CSV files."""

from eeinfer.labelled.classes import class_numbers as class_numbers
from eeinfer.labelled.folders import parts_of as parts_of
from eeinfer.labelled.folders import photos_in as photos_in
from eeinfer.labelled.held_out import held_out as held_out
from eeinfer.labelled.lists import photos_listed as photos_listed
from eeinfer.labelled.photos import Photos as Photos
