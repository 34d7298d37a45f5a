#[path = "../../world/mod.rs"]
mod world;
use std::hint::black_box;
use std::time::Instant;
use world::*;

fn best(rounds: usize, count: usize, mut run: impl FnMut() -> usize) -> f64 {
    let mut least = f64::MAX;
    for _ in 0..rounds {
        let start = Instant::now();
        black_box(run());
        least = least.min(start.elapsed().as_nanos() as f64 / count as f64);
    }
    least
}

fn main() {
    let which = std::env::args().nth(1).unwrap_or("S".into());
    for size in Size::ALL.into_iter().filter(|s| which.contains(&format!("{s:?}"))) {
        let t = Instant::now();
        let world = World::new(size);
        println!(
            "{size:?}: {} organizations, {} memberships, made in {:?}",
            world.organizations(),
            world.memberships(),
            t.elapsed()
        );
        let maps = PlainMaps::of(&world);
        let n = match size {
            Size::S => 100_000,
            _ => 1_000_000,
        };
        let (mixed, hot) = (world.mixed(n), world.hot(n));
        for shape in [Shape::Forest, Shape::OneTree] {
            let t = Instant::now();
            let trees = world.trees(shape);
            let events: usize = world.logs(shape).iter().flat_map(|(_, log)| log).map(|c| c.events.len()).sum();
            println!("{shape:?} built in {:?}, {events} events", t.elapsed());
            let at = now();
            let tree = |ask: &Ask| if shape == Shape::Forest { &trees[ask.estate] } else { &trees[0] };
            let allowed = mixed
                .iter()
                .filter(|q| tree(q).access().allows(q.principal, q.organization, &world.claims[q.claim], at))
                .count();
            for q in &mixed[..10_000] {
                assert_eq!(
                    tree(q).access().allows(q.principal, q.organization, &world.claims[q.claim], at),
                    maps.allows(q.principal.uuid(), q.organization.uuid(), world.claims[q.claim].as_str())
                );
            }
            if std::env::var("ONLY").is_ok() {
                best(100, n, || {
                    hot.iter()
                        .filter(|q| tree(q).access().allows(q.principal, q.organization, &world.claims[q.claim], at))
                        .count()
                });
                return;
            }
            println!("allowed {:.2}", allowed as f64 / n as f64);
            for (name, asks) in [("mixed", &mixed), ("hot", &hot)] {
                let plain = best(5, n, || {
                    asks.iter()
                        .filter(|q| {
                            maps.allows(q.principal.uuid(), q.organization.uuid(), world.claims[q.claim].as_str())
                        })
                        .count()
                });
                let ours = best(5, n, || {
                    asks.iter()
                        .filter(|q| tree(q).access().allows(q.principal, q.organization, &world.claims[q.claim], at))
                        .count()
                });
                println!("{name}: plain {plain:.0} ns, ours {ours:.0} ns, {:.1}x", plain / ours);
            }
        }
    }
}
