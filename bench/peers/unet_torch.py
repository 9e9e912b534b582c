"""madloop's U-Net (sim/nn/unet_build.c) in PyTorch, tensor for tensor under the same names."""
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F


def frequencies(n_embed):
    """Angular frequencies of the sinusoidal embedding: geometric from 1 to 32."""
    return 32.0 ** (torch.arange(n_embed // 2) / max(1, n_embed // 2 - 1))


class Block(nn.Module):
    """conv2(silu(norm2(conv1(silu(norm1(x))) + shift))) + shortcut(x), then attention."""

    def __init__(self, n_in, n_out, n_hidden, groups, attention):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(groups, n_in), nn.GroupNorm(groups, n_out)
        self.conv1 = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.shift = nn.Linear(n_hidden, n_out)
        self.shortcut = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()
        self.attention = Attention(n_out, groups) if attention else nn.Identity()

    def forward(self, x, e):
        h = self.conv1(F.silu(self.norm1(x))) + self.shift(e)[:, :, None, None]
        return self.attention(self.conv2(F.silu(self.norm2(h))) + self.shortcut(x))


class Attention(nn.Module):
    def __init__(self, n, groups):
        super().__init__()
        self.norm = nn.GroupNorm(groups, n)
        self.q, self.k, self.v, self.out = (nn.Conv2d(n, n, 1) for _ in range(4))

    def forward(self, x):
        b, c, h, w = x.shape
        n = self.norm(x)
        q, k, v = (part(n).reshape(b, c, h * w) for part in (self.q, self.k, self.v))
        p = torch.softmax(torch.bmm(q.transpose(1, 2), k) * c ** -0.5, -1)
        return x + self.out(torch.bmm(v, p.transpose(1, 2)).reshape(b, c, h, w))


class UNet(nn.Module):
    """Options as in mad_unet_options, without `patch`; attention: a flag per level."""

    def __init__(self, channels, n_classes, base, mult, n_blocks, attention, groups, n_embed,
                 n_hidden):
        super().__init__()
        width = [base * m for m in mult]
        last = len(width) - 1

        def block(n_in, level, with_attention):
            return Block(n_in, width[level], n_hidden, groups, with_attention)

        self.register_buffer("freq", frequencies(n_embed))
        self.embed = nn.ModuleDict({"0": nn.Linear(n_embed, n_hidden),
                                    "2": nn.Linear(n_hidden, n_hidden),
                                    "class": nn.Embedding(n_classes + 1, n_hidden)})
        self.first = nn.Conv2d(channels, width[0], 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, n in enumerate(width):
            n_in = width[max(0, level - 1)]
            blocks = [block(n_in if i == 0 else n, level, attention[level])
                      for i in range(n_blocks)]
            step = nn.Conv2d(n, n, 3, 2, 1) if level < last else None
            self.down.append(nn.ModuleDict({"blocks": nn.ModuleList(blocks)} |
                                           ({"step": step} if step else {})))
            blocks = [block(2 * n, level, attention[level]) for _ in range(n_blocks)]
            step = nn.Conv2d(width[level + 1], n, 3, padding=1) if level < last else None
            self.up.append(nn.ModuleDict({"blocks": nn.ModuleList(blocks)} |
                                         ({"step": step} if step else {})))
        self.middle = nn.ModuleList([block(width[-1], last, any(attention)),
                                     block(width[-1], last, False)])
        self.norm, self.last = nn.GroupNorm(groups, width[0]), nn.Conv2d(width[0], channels, 3,
                                                                         padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x, c_noise, label):
        wave = c_noise[:, None] * self.freq
        e = F.silu(self.embed["0"](torch.cat([wave.sin(), wave.cos()], 1)))
        e = F.silu(self.embed["2"](e) + self.embed["class"](label))
        h, skips = self.first(x), []
        for part in self.down:
            for block in part["blocks"]:
                h = block(h, e)
                skips.append(h)
            h = part["step"](h) if "step" in part else h
        for block in self.middle:
            h = block(h, e)
        for part in reversed(self.up):
            h = part["step"](F.interpolate(h, scale_factor=2.0)) if "step" in part else h
            for block in part["blocks"]:
                h = block(torch.cat([h, skips.pop()], 1), e)
        return self.last(F.silu(self.norm(h)))


def our_name(name):
    """PyTorch's name of a parameter -> madloop's tensor name, without the parts of a join."""
    for ours, theirs in (("in.conv.", "first."), ("out.conv.", "last."), ("out.norm.", "norm.")):
        if name.startswith(theirs):
            return ours + name[len(theirs):]
    return name.replace(".blocks.", ".")


def load_block(net, block, table):
    """Fill net from a parameter block, numpy [n_params], and madloop's table of tensors."""
    found = {}
    for entry in table:
        size = block.itemsize
        view = np.lib.stride_tricks.as_strided(block[entry["offset"]:], entry["shape"],
                                               [size * s for s in entry["stride"]])
        found[entry["name"]] = torch.from_numpy(view.copy())
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            name = our_name(name)
            parts = [found[name + end] for end in ("", ".h", ".skip") if name + end in found]
            # Halves of a join: along the input channels of a convolution, else along the vector.
            parameter.copy_(torch.cat(parts, 1 if parameter.dim() == 4 else 0))
    net.freq.copy_(found["embed.0.frequencies"])
