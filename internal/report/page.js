// Sorting, filtering and copying. The page is complete without it.
(function () {
  'use strict';

  document.querySelectorAll('pre.command').forEach(function (pre) {
    var button = document.createElement('button');
    button.type = 'button';
    button.className = 'copy';
    button.textContent = 'Copy';
    button.setAttribute('aria-label', 'Copy the command line');
    button.addEventListener('click', function () {
      copy(pre.querySelector('code')).then(function (ok) {
        button.textContent = ok ? 'Copied' : 'Press Ctrl+C';
        setTimeout(function () { button.textContent = 'Copy'; }, 2000);
      });
    });
    pre.parentNode.appendChild(button);
  });

  // Selects the text first, so that it can be copied by hand where the
  // clipboard is out of reach.
  function copy(node) {
    var range = document.createRange();
    range.selectNodeContents(node);
    var selection = window.getSelection();
    selection.removeAllRanges();
    selection.addRange(range);
    if (navigator.clipboard) {
      return navigator.clipboard.writeText(node.textContent).then(
        function () { return true; }, function () { return false; });
    }
    return Promise.resolve(document.execCommand('copy'));
  }

  document.querySelectorAll('table.sortable').forEach(function (table) {
    var body = table.tBodies[0];
    var original = Array.prototype.slice.call(body.rows);
    table.querySelectorAll('thead th').forEach(function (th, column) {
      // Not a button element: Chromium leaves those out of the heads that it
      // repeats on every printed page.
      var button = document.createElement('span');
      button.className = 'sort';
      button.tabIndex = 0;
      button.setAttribute('role', 'button');
      button.addEventListener('keydown', function (e) {
        if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); button.click(); }
      });
      while (th.firstChild) { button.appendChild(th.firstChild); }
      th.appendChild(button);
      button.addEventListener('click', function () {
        var now = th.getAttribute('aria-sort');
        var next = now === 'ascending' ? 'descending' : now === 'descending' ? '' : 'ascending';
        table.querySelectorAll('th[aria-sort]').forEach(function (t) { t.removeAttribute('aria-sort'); });
        if (next) { th.setAttribute('aria-sort', next); }
        var rows = original.slice();
        if (next) { rows.sort(compare(column, next === 'descending' ? -1 : 1)); }
        rows.forEach(function (row) { body.appendChild(row); });
      });
    });
  });

  // Rows without a value in the column come last in both directions.
  function compare(column, sign) {
    return function (a, b) {
      var x = key(a, column), y = key(b, column);
      if (x === null || y === null) { return (x === null) - (y === null); }
      var p = Number(x), q = Number(y);
      if (x !== '' && y !== '' && !isNaN(p) && !isNaN(q)) { return sign * (p - q); }
      return sign * x.localeCompare(y, undefined, { numeric: true });
    };
  }

  function key(row, column) {
    var cell = row.cells[column];
    return cell && cell.hasAttribute('data-key') ? cell.getAttribute('data-key') : null;
  }

  var filter = document.getElementById('filter');
  if (filter) {
    filter.hidden = false;
    var text = document.getElementById('filter-text');
    var load = document.getElementById('filter-load');
    var shown = document.getElementById('filter-count');
    var rows = Array.prototype.slice.call(document.getElementById('cells-body').rows);
    var apply = function () {
      var words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      var n = 0;
      rows.forEach(function (row) {
        var content = row.textContent.toLowerCase();
        var ok = (!load.value || row.getAttribute('data-load') === load.value) &&
          words.every(function (w) { return content.indexOf(w) >= 0; });
        row.hidden = !ok;
        n += ok ? 1 : 0;
      });
      shown.textContent = n + ' of ' + rows.length + ' results';
    };
    text.addEventListener('input', apply);
    load.addEventListener('change', apply);
    apply();
  }

  // The table begins with the metrics that the experiment asks about.
  var more = document.getElementById('more');
  if (more && document.querySelector('.cells .more')) {
    document.getElementById('more-label').hidden = false;
    more.addEventListener('change', function () {
      document.querySelector('table.cells').classList.toggle('all-metrics', more.checked);
    });
  }

  // A printed page shows what a reader could unfold.
  var opened = [];
  window.addEventListener('beforeprint', function () {
    opened = Array.prototype.slice.call(document.querySelectorAll('details.print:not([open])'));
    opened.forEach(function (d) { d.open = true; });
  });
  window.addEventListener('afterprint', function () {
    opened.forEach(function (d) { d.open = false; });
  });
})();
