"""Set a Blender scene up for `restyle proxy`: passes, file format, no motion blur. Saves nothing.

blender scene.blend --background --python docs/blender_passes.py --render-anim
"""

import bpy

scene = bpy.context.scene
for layer in scene.view_layers:
    layer.use_pass_combined = layer.use_pass_z = layer.use_pass_vector = True
    layer.use_pass_normal = layer.use_pass_object_index = True
scene.render.engine = "CYCLES"
scene.render.use_motion_blur = False
output = scene.render.image_settings
if hasattr(output, "media_type"):  # Blender 5
    output.media_type = "MULTI_LAYER_IMAGE"
output.file_format = "OPEN_EXR_MULTILAYER"
output.color_depth, output.exr_codec = "32", "ZIP"
for number, thing in enumerate((one for one in scene.objects if one.type == "MESH"), 1):
    thing.pass_index = thing.pass_index or number
