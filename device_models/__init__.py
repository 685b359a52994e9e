"""What a cell and an array do: noise profiles, macros, their compilation to tables, counter-based draws.

Import the module you need (`from device_models.profile import DeviceProfile`); this file imports nothing.
"""
