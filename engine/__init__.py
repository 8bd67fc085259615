"""Turn one video into another with the same motion.

The contract of a frame, checked at the doors (`engine.media`, `engine.diffusion`) and trusted inside:

| thing       | shape and type          | meaning |
|---|---|--- |
| frames      | `[T, 3, H, W]` float32  | RGB, sRGB-encoded, 0 to 1, upright (rotation applied) |
| control map | `[T, C, H, W]` float32  | 0 to 1, same size as the frames; depth: 1 is near |
| mask        | `[T, 1, H, W]` float32  | 1 = restyle here (or: trust this) |
| flow        | `[T, 2, H, W]` float32  | pixels, (dx, dy), backward: `current(p) = previous(p + flow(p))` |
| time        | `Fraction` seconds      | the source's own timestamps: variable rate survives |
| size        | `(height, width)`       | in tensors; `width` and `height` by name elsewhere |

Direction stands in the name: `flow_to_previous`, `warp_to_current`.
"""
