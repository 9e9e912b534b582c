#!/usr/bin/env python3
"""The first 100 training steps of madloop's networks, repeated in PyTorch from the same weights and batches.

    check_torch.py NET_STEPS_WRITE [--golden FILE]

NET_STEPS_WRITE is the program net_steps_write. For the multilayer perceptron and the U-Net at 16x16 the losses of madloop
must follow those of PyTorch in double precision within 2e-6 and four times the difference of PyTorch in single precision. --golden
writes PyTorch's losses into FILE, which the test test_net_steps reads where there is no PyTorch. Exit 77: no PyTorch here.
"""
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import torch
    import torch.nn.functional as F
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

N_CLASSES = {"mlp": 8, "unet": 10}


def read_tensors(folder):
    """Name -> array; the two parts of a concatenation are joined along their input channels."""
    numbers, parts, at = np.load(f"{folder}/weights.npy"), {}, 0
    for line in open(f"{folder}/tensors.txt"):
        name, *shape = line.split()
        shape = [int(n) for n in shape]
        parts[name] = numbers[at : at + int(np.prod(shape))].reshape(shape)
        at += int(np.prod(shape))
    assert at == len(numbers)
    out = {}
    for name, value in parts.items():
        stem, _, last = name.rpartition(".")
        if last == "h":
            out[stem] = np.concatenate([value, parts[stem + ".skip"]], axis=1 if value.ndim == 4 else 0)
        elif last != "skip":
            out[name] = value
    return out


class Mlp(nn.Module):
    """Inputs [x, one-hot class, sines and cosines] with gains that start every group at equal weight; SiLU."""

    def __init__(self, tensors):
        super().__init__()
        self.register_buffer("f", torch.from_numpy(tensors["frequencies"]))
        shapes = [tensors[k].shape for k in tensors if k.endswith("weight")]
        self.hidden = nn.ModuleList(nn.Linear(n_in, n_out) for n_out, n_in in shapes[:-1])
        self.out = nn.Linear(shapes[-1][1], shapes[-1][0])
        self.dim, self.n_in = shapes[-1][0], shapes[0][1]

    def forward(self, x, c_noise, label):
        k, n_waves = N_CLASSES["mlp"], 2 * len(self.f)
        w = c_noise[:, None] * self.f
        onehot = F.one_hot(label, k + 1)[:, :k].to(x.dtype)
        h = torch.cat([x * (self.n_in / self.dim) ** 0.5, onehot * (self.n_in / 2) ** 0.5,
                       torch.cat([w.sin(), w.cos()], 1) * (self.n_in / n_waves) ** 0.5], 1)
        for layer in self.hidden:
            h = F.silu(layer(h))
        return self.out(h)


class Block(nn.Module):
    def __init__(self, n_in, n_out, n_hidden):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, n_in), nn.Conv2d(n_in, n_out, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(8, n_out), nn.Conv2d(n_out, n_out, 3, padding=1)
        self.shift = nn.Linear(n_hidden, n_out)
        self.shortcut = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, x, e):
        h = self.conv1(F.silu(self.norm1(x))) + self.shift(e)[:, :, None, None]
        return self.conv2(F.silu(self.norm2(h))) + self.shortcut(x)


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = nn.GroupNorm(8, c)
        self.q, self.k, self.v, self.out = (nn.Conv2d(c, c, 1) for _ in range(4))

    def forward(self, x):
        n = self.norm(x)
        q, k, v = (m(n).flatten(2) for m in (self.q, self.k, self.v))
        p = torch.softmax(q.transpose(1, 2) @ k / x.shape[1] ** 0.5, dim=2)
        return x + self.out((v @ p.transpose(1, 2)).reshape(x.shape))


class Unet(nn.Module):
    """Names of submodules are those of madloop's tensors, with _ for the dots between numbers."""

    def __init__(self, tensors, base=32, mult=(1, 2, 2), hidden=128, n_waves=32):
        super().__init__()
        self.register_buffer("f", torch.from_numpy(tensors["embed.0.frequencies"]))
        self.embed_0, self.embed_2 = nn.Linear(n_waves, hidden), nn.Linear(hidden, hidden)
        self.embed_class = nn.Embedding(N_CLASSES["unet"] + 1, hidden)
        c = [base * m for m in mult]
        self.in_conv = nn.Conv2d(1, c[0], 3, padding=1)
        self.down, self.down_step, self.up, self.up_step = (nn.ModuleList() for _ in range(4))
        for level, n in enumerate(c):
            self.down.append(Block(c[max(level - 1, 0)], n, hidden))
            self.up.append(Block(2 * n, n, hidden))
            if level + 1 < len(c):
                self.down_step.append(nn.Conv2d(n, n, 3, stride=2, padding=1))
                self.up_step.append(nn.Conv2d(c[level + 1], n, 3, padding=1))
        self.down_2_attention, self.up_2_attention = Attention(c[-1]), Attention(c[-1])
        self.middle = nn.ModuleList([Block(c[-1], c[-1], hidden), Block(c[-1], c[-1], hidden)])
        self.middle_attention = Attention(c[-1])
        self.out_norm, self.out_conv = nn.GroupNorm(8, c[0]), nn.Conv2d(c[0], 1, 3, padding=1)

    def forward(self, x, c_noise, label):
        w = c_noise[:, None] * self.f
        e = self.embed_2(F.silu(self.embed_0(torch.cat([w.sin(), w.cos()], 1))))
        e = F.silu(e + self.embed_class(label))
        h, skips = self.in_conv(x.view(-1, 1, 16, 16)), []
        for level, block in enumerate(self.down):
            h = block(h, e)
            if level == 2:
                h = self.down_2_attention(h)
            skips.append(h)
            if level < 2:
                h = self.down_step[level](h)
        h = self.middle[1](self.middle_attention(self.middle[0](h, e)), e)
        for level in (2, 1, 0):
            if level < 2:
                h = self.up_step[level](F.interpolate(h, scale_factor=2.0))
            h = self.up[level](torch.cat([h, skips[level]], 1), e)
            if level == 2:
                h = self.up_2_attention(h)
        return self.out_conv(F.silu(self.out_norm(h))).flatten(1)


def torch_name(kind, name):
    """madloop's name of a tensor -> PyTorch's."""
    if kind == "mlp":
        return name
    for side in ("down", "up"):
        for level in range(3):
            name = name.replace(f"{side}.{level}.0.attention", f"{side}_{level}_attention")
            name = name.replace(f"{side}.{level}.step", f"{side}_step.{level}")
            name = name.replace(f"{side}.{level}.0.", f"{side}.{level}.")
    for stem in ("embed.0", "embed.2", "embed.class", "in.conv", "out.norm", "out.conv"):
        if name.startswith(stem):
            name = name.replace(stem, stem.replace(".", "_"), 1)
    return name.replace("middle.0.attention", "middle_attention")


def train(kind, folder, dtype):
    tensors = read_tensors(folder)
    net = {"mlp": Mlp, "unet": Unet}[kind](tensors)
    state = {torch_name(kind, k): torch.from_numpy(v) for k, v in tensors.items() if not k.endswith("frequencies")}
    own = dict(net.named_parameters())
    assert state.keys() == own.keys(), sorted(state.keys() ^ own.keys())
    net.load_state_dict(state, strict=False)
    net = net.to(dtype)
    x, c_noise, label, target = (torch.from_numpy(np.load(f"{folder}/{n}.npy")) for n in ("x", "c_noise", "label", "target"))
    x, c_noise, target, label = x.to(dtype), c_noise.to(dtype), target.to(dtype), label.long()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8)
    losses = []
    for step in range(len(x)):
        loss = F.mse_loss(net(x[step], c_noise[step], label[step]), target[step])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss))
    return np.array(losses)


def spread(a, b):
    """Largest relative difference over the first 1, 10, 30, 100 steps."""
    d = np.abs(a / b - 1)
    return [float(d[:n].max()) for n in (1, 10, 30, 100)]


def main():
    program, golden = sys.argv[1], sys.argv[3] if len(sys.argv) > 3 and sys.argv[2] == "--golden" else None
    torch.set_num_threads(1)  # barriers of several threads crawl on a busy machine
    columns, ok = [], True
    for kind in ("mlp", "unet"):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([program, kind, folder], check=True)
            ours = np.load(f"{folder}/loss.npy")
            single, double = train(kind, folder, torch.float32), train(kind, folder, torch.float64)
        print(f"{kind}: loss {double[0]:.6f} -> {double[-1]:.6f}; relative difference over the first 1, 10, 30, 100 steps")
        for name, pair in (("madloop to torch double", (ours, double)), ("torch single to double", (single, double)),
                           ("madloop to torch single", (ours, single))):
            print(f"  {name:26s}", *(f"{d:.1e}" for d in spread(*pair)))
        for mine, yours in zip(spread(ours, double), spread(single, double)):
            ok &= mine <= 2e-6 + 4 * yours
        columns += [single, double]
    if golden:
        with open(golden, "w") as f:
            f.write(f"# Losses of the first 100 steps in PyTorch {torch.__version__}: step, MLP in single and double precision, U-Net likewise.\n")
            f.write("# Made by: tests/peer/check_torch.py build/release/tests/peer/net_steps_write --golden tests/peer/torch_losses.txt\n")
            for i, row in enumerate(zip(*columns)):
                f.write(f"{i} " + " ".join(f"{v:.10e}" for v in row) + "\n")
    sys.exit(0 if ok else 1)


main()
