// The interactive frontier: choose the axes, look at a cell's trials, move a
// limit and see which cell would be recommended under it.
(function () {
  'use strict';
  var source = document.getElementById('explore-data');
  var section = document.getElementById('explore');
  if (!source || !section) { return; }
  var data = JSON.parse(source.textContent);
  var byName = {};
  data.metrics.forEach(function (m, i) { m.index = i; byName[m.name] = m; });
  var el = function (id) { return document.getElementById(id); };
  var load = el('explore-load'), xs = el('explore-x'), ys = el('explore-y');
  var useCase = el('explore-case'), limited = el('explore-metric'), slider = el('explore-limit');
  var limitText = el('explore-limit-text'), answer = el('explore-answer'), detail = el('explore-detail'), chart = el('explore-chart'), cut = el('explore-cut');
  section.hidden = false;

  var current = { winner: null, near: [], limit: null };

  function option(select, value, text) {
    var o = document.createElement('option');
    o.value = value;
    o.textContent = text;
    select.appendChild(o);
  }

  data.loads.forEach(function (l) { option(load, l.name, l.name); });
  data.metrics.forEach(function (m) { option(xs, m.name, m.title); option(ys, m.name, m.title); });
  data.useCases.forEach(function (u) { option(useCase, u.name, u.name); });
  if (!data.useCases.length) { el('explore-what-if').hidden = true; }

  function threeDigits(n) { return Math.abs(n) >= 1000 ? Math.round(n) : Number(n.toPrecision(3)); }
  // format prints a value as package say does.
  function format(m, v) {
    var unit = m.unit, factor = 1, size = Math.abs(threeDigits(v));
    if (unit === 's' && size > 0 && size < 1) {
      factor = size < 1e-3 ? 1e6 : 1e3;
      unit = size < 1e-3 ? 'µs' : 'ms';
    } else if (unit === 'fraction') { factor = 100; }
    var text = threeDigits(v * factor).toLocaleString('en-US', { maximumFractionDigits: 9 });
    return unit === 'fraction' ? text + '%' : text + ' ' + unit;
  }

  function value(cell, name) { return cell.v[byName[name].index]; }
  function cellsOf(name) { return data.cells.filter(function (c) { return c.load === name; }); }
  function caseNow() { return data.useCases.filter(function (u) { return u.name === useCase.value; })[0]; }

  // limits are the latencies that a limit can be put on: those that the use
  // case limits, then the others.
  function fillLimits() {
    var u = caseNow();
    limited.textContent = '';
    var x = data.loads.filter(function (q) { return q.name === u.load; })[0];
    var names = u.constraints.filter(function (c) { return c.atMost && byName[c.metric]; }).map(function (c) { return c.metric; });
    // The one along the axis first: its line can be seen.
    names.sort(function (a, b) { return (x && b === x.x) - (x && a === x.x); });
    data.metrics.forEach(function (m) { if (m.unit === 's' && names.indexOf(m.name) < 0) { names.push(m.name); } });
    names.forEach(function (n) {
      if (cellsOf(u.load).some(function (c) { return value(c, n).length; })) { option(limited, n, byName[n].title); }
    });
    setSlider();
  }

  function range(u) {
    var all = [];
    cellsOf(u.load).forEach(function (c) { var v = value(c, limited.value); if (v.length && v[0] > 0) { all.push(v[0]); } });
    var declared = declaredLimit(u);
    if (declared) { all.push(declared); }
    return [Math.min.apply(null, all) * 0.9, Math.max.apply(null, all) * 1.1];
  }

  function declaredLimit(u) {
    var found = u.constraints.filter(function (c) { return c.atMost && c.metric === limited.value; })[0];
    return found ? found.limit : null;
  }

  // The slider runs over 0..1000 on a logarithmic scale; its first position
  // is the declared limit exactly.
  function setSlider() {
    var u = caseNow();
    if (!limited.value) { slider.disabled = true; return; }
    slider.disabled = false;
    var r = range(u), declared = declaredLimit(u) || r[1];
    slider.value = Math.round(1000 * Math.log(declared / r[0]) / Math.log(r[1] / r[0]));
    current.limit = declared;
    recommend();
  }

  function sliderLimit() {
    var r = range(caseNow());
    return r[0] * Math.pow(r[1] / r[0], slider.value / 1000);
  }

  function holds(cell, c, limit) {
    var v = value(cell, c.metric);
    return v && v.length > 0 && (c.atMost ? v[0] <= limit : v[0] >= limit);
  }

  function recommend() {
    var u = caseNow(), name = limited.value, limit = current.limit, declared = declaredLimit(u);
    slider.dataset.limit = limit;
    limitText.textContent = '≤ ' + format(byName[name], limit) + (limit === declared ? ' (as declared)' : '');
    slider.setAttribute('aria-valuetext', byName[name].title + ' at most ' + format(byName[name], limit));
    var others = u.constraints.filter(function (c) { return !(c.atMost && c.metric === name); });
    var objective = byName[u.objective];
    var fit = objective ? cellsOf(u.load).filter(function (c) {
      return !c.unlike && value(c, u.objective).length && holds(c, { metric: name, atMost: true }, limit) &&
        others.every(function (o) { return byName[o.metric] && holds(c, o, o.limit); });
    }) : [];
    fit.sort(function (a, b) {
      var d = value(a, u.objective)[0] - value(b, u.objective)[0];
      return u.max ? -d : d;
    });
    var unmoved = limit === declared || declared === null && slider.value >= 950;
    var declaredCell = data.cells.filter(function (c) { return c.id === u.cell; })[0];
    current.winner = fit[0] || null;
    if (unmoved && declaredCell) { current.winner = declaredCell; }
    current.near = [];
    answer.textContent = '';
    var p = document.createElement('p');
    if (!current.winner) {
      p.textContent = 'No measured result keeps ' + byName[name].title + ' at most ' + format(byName[name], limit) +
        (others.length ? ' and the other ' + others.length + ' constraints' : '') + '.';
      answer.appendChild(p);
      draw();
      return;
    }
    var w = current.winner, wv = value(w, u.objective);
    current.near = fit.filter(function (c) {
      var v = value(c, u.objective);
      return c !== w && v[1] <= wv[2] && v[2] >= wv[1];
    });
    var strong = document.createElement('strong');
    strong.id = 'explore-winner';
    strong.textContent = w.label;
    p.appendChild(strong);
    p.appendChild(document.createTextNode(' at ' + w.point + ': ' + format(objective, wv[0]) +
      (wv[2] > wv[1] ? ' (' + format(objective, wv[1]) + ' – ' + format(objective, wv[2]) + ')' : '') +
      ', ' + byName[name].title + ' ' + format(byName[name], value(w, name)[0]) + '. '));
    p.appendChild(document.createTextNode(unmoved && w === declaredCell ?
      'This is the recommendation above' + (u.confirmed ? ', with the values of the screening runs. ' : ', not confirmed. ') :
      'The best point estimate under this limit. It is neither tested nor confirmed. '));
    if (current.near.length) {
      p.appendChild(document.createTextNode(current.near.length + (current.near.length === 1 ? ' other result has an interval that overlaps' : ' other results have intervals that overlap') + ' its own.'));
    }
    answer.appendChild(p);
    var code = document.createElement('code');
    code.className = 'wrap';
    code.textContent = w.flags;
    answer.appendChild(code);
    draw();
  }

  // The chart.
  var NS = 'http://www.w3.org/2000/svg', W = 900, H = 400, L = 84, R = 20, T = 16, B = 48;

  function node(name, attrs, parent) {
    var n = document.createElementNS(NS, name);
    Object.keys(attrs).forEach(function (k) { n.setAttribute(k, attrs[k]); });
    if (parent) { parent.appendChild(n); }
    return n;
  }

  // Intervals widen an axis up to twice beyond its points, as in the figures of
  // package plots; what reaches farther ends at its edge with an arrowhead.
  var REACH = 2;

  function scale(points, which, lo, hi, log) {
    var min = Infinity, max = -Infinity;
    points.forEach(function (p) { min = Math.min(min, p[which][0]); max = Math.max(max, p[which][0]); });
    var least = min / REACH, most = max * REACH;
    points.forEach(function (p) {
      var v = p[which];
      if (v[2] > v[1]) { min = Math.min(min, Math.max(v[1], least)); max = Math.max(max, Math.min(v[2], most)); }
    });
    log = log && min > 0 && max > 3 * min;
    if (log) { min /= 1.15; max *= 1.15; } else { var pad = (max - min) * 0.06 || Math.abs(max) * 0.1 || 1; min = min > 0 && min < max * 0.6 ? 0 : min - pad; max += pad; }
    var f = log ? Math.log : function (v) { return v; };
    return {
      log: log, min: min, max: max,
      at: function (v) { v = Math.min(Math.max(v, min), max); return lo + (f(v) - f(min)) / (f(max) - f(min)) * (hi - lo); }
    };
  }

  function ticks(s) {
    var out = [], e, step;
    if (s.log) {
      [[1], [1, 3], [1, 2, 5], [1, 2, 3, 5, 7]].some(function (all) {
        out = [];
        for (e = Math.floor(Math.log10(s.min)); e <= Math.log10(s.max); e++) {
          all.forEach(function (m) { var v = m * Math.pow(10, e); if (v >= s.min && v <= s.max) { out.push(v); } });
        }
        return out.length > 3;
      });
      return out;
    }
    step = Math.pow(10, Math.floor(Math.log10((s.max - s.min) / 4)));
    [5, 2].forEach(function (m) { if ((s.max - s.min) / (step * m) >= 4) { step *= m; } });
    for (e = Math.ceil(s.min / step); e * step <= s.max; e++) { out.push(e * step); }
    return out;
  }

  function draw() {
    var narrow = chart.clientWidth > 0 && chart.clientWidth < 600;
    W = narrow ? 440 : 900;
    H = narrow ? 360 : 400;
    var mx = byName[xs.value], my = byName[ys.value];
    var points = cellsOf(load.value).map(function (c) { return { cell: c, x: value(c, mx.name), y: value(c, my.name) }; })
      .filter(function (p) { return p.x.length && p.y.length; });
    chart.textContent = '';
    cut.hidden = true;
    if (!points.length) {
      chart.textContent = 'No result of this load has both metrics.';
      return;
    }
    points.sort(function (a, b) { return a.x[0] - b.x[0]; });
    var sx = scale(points, 'x', L, W - R, mx.unit === 's'), sy = scale(points, 'y', H - B, T, my.unit === 's');
    var svg = node('svg', { viewBox: '0 0 ' + W + ' ' + H, role: 'group', 'aria-label': my.title + ' against ' + mx.title + ', ' + points.length + ' results. Arrow keys move from one to the next.' });
    ticks(sx).forEach(function (v) {
      node('line', { x1: sx.at(v), x2: sx.at(v), y1: T, y2: H - B, 'class': 'grid' }, svg);
      node('text', { x: sx.at(v), y: H - B + 18, 'class': 'tick', 'text-anchor': 'middle' }, svg).textContent = format(mx, v);
    });
    ticks(sy).forEach(function (v) {
      node('line', { x1: L, x2: W - R, y1: sy.at(v), y2: sy.at(v), 'class': 'grid' }, svg);
      node('text', { x: L - 8, y: sy.at(v) + 4, 'class': 'tick', 'text-anchor': 'end' }, svg).textContent = format(my, v);
    });
    node('text', { x: (L + W - R) / 2, y: H - 6, 'class': 'axis', 'text-anchor': 'middle' }, svg).textContent = mx.title + (sx.log ? ' (log scale)' : '') + (mx.higher ? '; right is better' : '; left is better');
    if (data.useCases.length && load.value === caseNow().load && current.limit !== null) {
      if (limited.value === mx.name) { node('line', { x1: sx.at(current.limit), x2: sx.at(current.limit), y1: T, y2: H - B, 'class': 'limit', id: 'explore-line' }, svg); }
      if (limited.value === my.name) { node('line', { y1: sy.at(current.limit), y2: sy.at(current.limit), x1: L, x2: W - R, 'class': 'limit', id: 'explore-line' }, svg); }
    }
    frontier(points, mx, my, sx, sy, svg);
    points.forEach(function (p, i) { mark(p, i, mx, my, sx, sy, svg); });
    cut.hidden = !svg.querySelector('.head');
    if (!cut.hidden) { svg.setAttribute('aria-label', svg.getAttribute('aria-label') + ' ' + cut.textContent); }
    chart.appendChild(svg);
    el('explore-y-title').textContent = my.title + (my.higher ? ' (higher is better)' : ' (lower is better)');
  }

  // frontier draws the cells that no other beats on both axes.
  function frontier(points, mx, my, sx, sy, svg) {
    var ordered = points.slice().sort(function (a, b) { return mx.higher ? b.x[0] - a.x[0] : a.x[0] - b.x[0]; });
    var best = null, path = '';
    ordered.forEach(function (p) {
      if (p.cell.unlike) { p.front = false; return; }
      p.front = best === null || (my.higher ? p.y[0] > best : p.y[0] < best);
      if (!p.front) { return; }
      var X = sx.at(p.x[0]).toFixed(1), Y = sy.at(p.y[0]).toFixed(1);
      path += path ? 'H' + X + 'V' + Y : 'M' + X + ' ' + Y;
      best = p.y[0];
    });
    node('path', { d: path, 'class': 'front' }, svg);
  }

  // interval draws the interval of v along a scale; place makes a point of a
  // position on it.
  function interval(v, s, place, svg) {
    if (!(v[2] > v[1])) { return; }
    var from = place(s.at(v[1])), to = place(s.at(v[2]));
    node('line', { x1: from[0], y1: from[1], x2: to[0], y2: to[1], 'class': 'bar' }, svg);
    if (v[1] < s.min) { continues(from, to, svg); }
    if (v[2] > s.max) { continues(to, from, svg); }
  }

  // continues draws an open arrowhead at the end of an interval, away from its
  // other end.
  function continues(tip, other, svg) {
    var dx = Math.sign(other[0] - tip[0]), dy = Math.sign(other[1] - tip[1]);
    var x = tip[0] + 7 * dx, y = tip[1] + 7 * dy;
    node('polyline', { points: [[x - 4 * dy, y + 4 * dx], tip, [x + 4 * dy, y - 4 * dx]].join(' '), 'class': 'bar head' }, svg);
  }

  function mark(p, i, mx, my, sx, sy, svg) {
    var X = sx.at(p.x[0]), Y = sy.at(p.y[0]), c = p.cell;
    var kind = c.base ? 'base' : 'cell';
    if (p.front) { kind += ' on'; }
    if (c.slo === false) { kind += ' misses'; }
    if (current.winner === c) { kind += ' winner'; } else if (current.near.indexOf(c) >= 0) { kind += ' near'; }
    if (p.front || current.winner === c || c.base) {
      interval(p.x, sx, function (x) { return [x, Y]; }, svg);
      interval(p.y, sy, function (y) { return [X, y]; }, svg);
    }
    if (current.winner === c) { node('circle', { cx: X, cy: Y, r: 11, 'class': 'ring' }, svg); }
    var n = node('circle', {
      cx: X, cy: Y, r: 5, 'class': 'point ' + kind, tabindex: i === 0 ? 0 : -1, role: 'img', 'data-cell': c.id,
      'aria-label': c.label + ' at ' + c.point + ': ' + format(mx, p.x[0]) + ' ' + mx.title + ', ' + format(my, p.y[0]) + ' ' + my.title
    }, svg);
    var show = function () { describe(p, mx, my); };
    n.addEventListener('mouseenter', show);
    n.addEventListener('focus', show);
    n.addEventListener('click', show);
  }

  chart.addEventListener('keydown', function (e) {
    var step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[e.key];
    var all = Array.prototype.slice.call(chart.querySelectorAll('.point'));
    var at = all.indexOf(document.activeElement);
    if (!step || at < 0) { return; }
    e.preventDefault();
    var next = all[(at + step + all.length) % all.length];
    all[at].setAttribute('tabindex', -1);
    next.setAttribute('tabindex', 0);
    next.focus();
  });

  // describe shows a cell with its trials.
  function describe(p, mx, my) {
    detail.textContent = '';
    var head = document.createElement('p'), strong = document.createElement('strong'), link = document.createElement('a');
    strong.textContent = p.cell.label;
    head.appendChild(strong);
    head.appendChild(document.createTextNode(' at ' + p.cell.point + (p.cell.best ? ', best for ' + p.cell.best.join(', ') : '') + (p.cell.unlike ? ', not comparable: ' + p.cell.unlike : '') + ' '));
    link.href = '#cell-' + p.cell.id;
    link.textContent = 'in the table';
    head.appendChild(link);
    detail.appendChild(head);
    [[mx, p.x], [my, p.y]].forEach(function (q) {
      var line = document.createElement('p');
      line.textContent = q[0].title + ': ' + format(q[0], q[1][0]) +
        (q[1][2] > q[1][1] ? ' (' + format(q[0], q[1][1]) + ' – ' + format(q[0], q[1][2]) + ')' : ', no interval') +
        (q[1].length > 3 ? '; trials: ' + q[1].slice(3).map(function (v) { return format(q[0], v); }).join(', ') : '');
      detail.appendChild(line);
    });
  }

  function axesOfLoad() {
    var l = data.loads.filter(function (q) { return q.name === load.value; })[0];
    if (byName[l.x]) { xs.value = l.x; }
    if (byName[l.y]) { ys.value = l.y; }
  }

  window.addEventListener('resize', draw);
  load.addEventListener('change', function () { axesOfLoad(); draw(); });
  xs.addEventListener('change', draw);
  ys.addEventListener('change', draw);
  useCase.addEventListener('change', function () { load.value = caseNow().load; axesOfLoad(); fillLimits(); });
  limited.addEventListener('change', setSlider);
  slider.addEventListener('input', function () { current.limit = sliderLimit(); recommend(); });
  el('explore-reset').addEventListener('click', setSlider);

  if (data.useCases.length) { load.value = data.useCases[0].load; }
  axesOfLoad();
  if (data.useCases.length) { fillLimits(); } else { draw(); }
})();
