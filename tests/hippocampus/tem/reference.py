"""TEM with its matrices made at every step and every sample and stream on its own, as a yardstick.

Written from the equations, not from the library: one loop over everything, no list of writes.
"""

import torch
from torch.nn import functional as F


def act(p):
    return F.leaky_relu(p.clamp(-1, 1), 0.01)


def mlp(net, f, x):
    """The network of stream f."""
    units, outs = [w.shape[0] for w in net.hidden], [w.shape[0] for w in net.out]
    a, b = sum(units[:f]), sum(outs[:f])
    hidden = F.elu(net.hidden[f] @ x + net.hidden_bias[a : a + units[f]])
    return net.out[f] @ hidden + net.out_bias[b : b + outs[f]]


def run(model, symbols, actions, state, at):
    """One sample: symbols and actions of [t], state of one row."""
    s, now = model.settings, model.schedules.at(at)
    lam, eta = now.decay * s.decay, now.rate * s.rate
    sizes, few, c = s.code_sizes, s.sampled_sizes, s.compressed
    n, objects = len(sizes), s.objects > 0
    cut = [slice(sum(sizes[:f]), sum(sizes[: f + 1])) for f in range(n)]
    p_cut = [slice(sum(few[:f]) * c, sum(few[: f + 1]) * c) for f in range(n)]
    mask = torch.zeros(s.n_places, s.n_places, dtype=torch.float64)  # [from, to]
    for i in range(n):
        for j in range(n):
            if i >= j or (objects and 0 in (i, j)):
                mask[p_cut[i], p_cut[j]] = 1
    # h M, with M the transpose of what the library keeps.
    m_gen, m_inf = state.generative.T, state.inference.T
    x, g = list(state.senses), state.code
    alpha = torch.sigmoid(model.rate_logits)
    found = []

    def squash(code):
        code = code.clamp(-1, 1)
        if objects:
            code = torch.cat([F.leaky_relu(code[: sizes[0]], 0.01), code[sizes[0] :]])
        return code

    def dev(raw):
        return torch.exp(s.deviation_scale * torch.tanh(raw) + s.deviation_offset)

    def decode(p):
        own = p[p_cut[1 if objects else 0]].view(-1, c).sum(0)
        return mlp(model.decoder, 0, model.decoder_scale * own + model.decoder_bias)

    def attract(h, m, stops):
        h = act(h)
        for i in range(s.iterations):
            new = act(s.kappa * h + h @ m)
            h = torch.cat([(new if stops[f] > i else h)[p_cut[f]] for f in range(n)])
        return h

    def ask(code):
        return torch.cat([code[cut[f]][: few[f]].repeat_interleave(c) for f in range(n)])

    def move(code, matrix):
        out = []
        for f in range(n):
            heard = [f] if objects else range(f, n)
            out.append(code[cut[f]] + sum(matrix[cut[f], cut[k]] @ code[cut[k]] for k in heard))
        return squash(torch.cat(out))

    for t in range(len(symbols)):
        a = int(actions[t])
        if a == -1:
            m_gen, m_inf = torch.zeros_like(m_gen), torch.zeros_like(m_inf)
            x = [torch.zeros_like(each) for each in x]
            path = gen_path = model.prior_mean
            sigma = torch.exp(model.prior_deviation + s.deviation_offset)
        else:
            one_hot = torch.zeros(s.actions, dtype=torch.float64)
            if a != s.still:
                one_hot[a] = 1
            d = torch.einsum("u,uij->ij", torch.tanh(one_hot @ model.action_in), model.action_out)
            path = move(g, d)
            gen_path = move(g, model.unmoved) if objects else path
            held = g.detach()
            raw = torch.cat([mlp(model.path_deviation, f, held[cut[f]]) for f in range(n)])
            sigma = dev(raw)
        code = model.two_hot[symbols[t]]
        x = [(1 - alpha[f]) * x[f] + alpha[f] * code for f in range(n)]
        seen = []
        for f in range(n):
            above = F.relu(x[f] - x[f].mean())
            unit = torch.sigmoid(model.sense_scales[f]) * above / above.norm()
            seen.append(unit.repeat(few[f]))
        seen = torch.cat(seen)
        p_x = attract(seen, m_inf, [s.iterations] * n)
        summed = [p_x[p_cut[f]].view(few[f], c).mean(1) for f in range(n)]
        raw = [mlp(model.memory_mean, f, summed[f]) for f in range(n)]
        wrong = F.one_hot(symbols[t], s.symbols) - decode(p_x).softmax(0)
        error = 0.5 * (wrong**2).sum().detach()
        quality = [torch.stack([(r**2).sum().detach(), error]) for r in raw]
        sigma_mem = torch.cat([dev(mlp(model.memory_deviation, f, quality[f])) for f in range(n)])
        sigma_mem = sigma_mem + (1 - now.trust) * s.distrust
        mean = squash(torch.cat(raw))
        precision = 1 / sigma**2 + 1 / sigma_mem**2
        g = (path / sigma**2 + mean / sigma_mem**2) / precision
        if objects:
            flag = (symbols[t] < s.objects).double().view(1)
            there = squash(mlp(model.object_mean, 0, flag).abs())
            sure = dev(flag @ model.object_deviation) ** -2
            o = cut[0]
            own = (g[o] * precision[o] + there * sure) / (precision[o] + sure)
            g = torch.cat([own, g[sizes[0] :]])
        p = act(ask(g) * seen)
        p_g = attract(ask(g), m_gen, s.stops)
        p_gt = attract(ask(gen_path), m_gen, s.stops)
        m_gen = lam * m_gen + eta * torch.outer(p + p_g, p - p_g) * mask
        m_inf = lam * m_inf + eta * torch.outer(p + p_x, p - p_x)
        found.append((decode(p), decode(p_g), decode(p_gt), g, gen_path, p, p_g, p_gt, p_x))
    outputs = [torch.stack(each) for each in zip(*found, strict=True)]
    memories = m_gen.clamp(-s.limit, s.limit).T, m_inf.clamp(-s.limit, s.limit).T
    return outputs, (g, torch.stack(x), *memories)
