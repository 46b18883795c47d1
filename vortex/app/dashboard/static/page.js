// Says so when the page itself gets no news: figures that stand still must not pass for those of now.
(() => {
  const LIMIT_MS = 8000;
  let seen = "", changed = Date.now();
  setInterval(() => {
    const beat = document.querySelector(".beat");
    if (beat && beat.textContent !== seen) {
      seen = beat.textContent;
      changed = Date.now();
    }
    let banner = document.getElementById("stale");
    if (Date.now() - changed < LIMIT_MS) {
      banner?.remove();
      return;
    }
    if (!banner) {
      banner = document.createElement("div");
      banner.id = "stale";
      banner.setAttribute("role", "alert");
      document.body.prepend(banner);
    }
    const since = new Date(changed).toISOString().slice(0, 19).replace("T", " ");
    banner.textContent = `This page has had no news since ${since} UTC: the dashboard does not answer. What is below is old.`;
  }, 1000);
})();
