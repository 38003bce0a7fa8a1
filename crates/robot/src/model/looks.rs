//! Models without what is only for the eye.

use mujoco_rs::prelude::*;
use mujoco_rs::wrappers::mj_editing::{MjsGeom, SpecObject};

/// Sensors that feel meshes which nothing touches.
const RAYS_AND_DISTANCES: [&str; 5] = ["rangefinder", "distance", "normal", "fromto", "tactile"];

/// The model of a specification with balls in the place of meshes that touch nothing, without the meshes, textures and
/// materials that then are nobody's. Robots that are sold come with tens of megabytes of those, which every run would keep.
/// `whole` is what the specification was just compiled to, and `None` is the answer where there is nothing to leave out, and
/// where anything that moves would not be the same to the bit.
pub(super) fn without(spec: &mut MjSpec, whole: &MjModel, sensors: &[&str]) -> Option<MjModel> {
    let looks: Vec<bool> = (0..whole.geom_type().len()).map(|g| only_looks(whole, g)).collect();
    let felt = sensors.iter().any(|kind| RAYS_AND_DISTANCES.contains(kind));
    // A mesh's frame is that of its inertia, and a ball's is its own.
    let on = |kinds: &[MjtObjBase], ids: &[i32]| {
        let mut objects = kinds.iter().zip(ids);
        objects.any(|(kind, id)| *kind == MjtObjBase::mjOBJ_GEOM && looks.get(*id as usize) == Some(&true))
    };
    let felt = felt
        || on(whole.sensor_objtype(), whole.sensor_objid())
        || on(whole.sensor_reftype(), whole.sensor_refid());
    if felt || !looks.contains(&true) {
        return None;
    }
    // Compiling has put the geoms into the order of the model.
    let same = |(g, geom): (usize, &MjsGeom)| {
        geom.name() == whole.id_to_name(MjtObjBase::mjOBJ_GEOM, g).unwrap_or_default()
            && geom.contype() == whole.geom_contype()[g]
            && geom.conaffinity() == whole.geom_conaffinity()[g]
            && geom.type_() == whole.geom_type()[g]
    };
    if spec.geom_iter().count() != looks.len() || !spec.geom_iter().enumerate().all(same) {
        return None;
    }
    let mut needed = Vec::new();
    for (geom, looks) in spec.geom_iter_mut().zip(&looks) {
        geom.set_material("");
        if *looks {
            geom.set_type(MjtGeomBase::mjGEOM_SPHERE);
            geom.size_mut()[0] = 0.01;
            geom.set_mass(0.0);
            geom.set_meshname("");
        } else {
            needed.push(geom.meshname().to_owned());
        }
    }
    while let Some(mesh) = spec.mesh_iter_mut().find(|mesh| !needed.iter().any(|name| name == mesh.name())) {
        // SAFETY: it is alive, for the iterator has just found it, and it is not used after.
        #[allow(unsafe_code)]
        unsafe { mesh.delete() }.ok()?;
    }
    while let Some(material) = spec.material_iter_mut().next() {
        // SAFETY: as above.
        #[allow(unsafe_code)]
        unsafe { material.delete() }.ok()?;
    }
    while let Some(texture) = spec.texture_iter_mut().next() {
        // SAFETY: as above.
        #[allow(unsafe_code)]
        unsafe { texture.delete() }.ok()?;
    }
    let model = spec.compile().ok()?;
    same_to_the_bit(whole, &model).then_some(model)
}

/// Whether a geom is a mesh that touches nothing.
fn only_looks(model: &MjModel, g: usize) -> bool {
    let paired = |list: &[i32]| list.contains(&(g as i32));
    model.geom_type()[g] == MjtGeomBase::mjGEOM_MESH
        && model.geom_contype()[g] == 0
        && model.geom_conaffinity()[g] == 0
        && !paired(model.pair_geom1())
        && !paired(model.pair_geom2())
}

/// Whether two models weigh the same. A body without `<inertial>` has its mass from its geoms.
fn same_to_the_bit(one: &MjModel, other: &MjModel) -> bool {
    one.body_mass() == other.body_mass()
        && one.body_inertia() == other.body_inertia()
        && one.body_ipos() == other.body_ipos()
        && one.body_iquat() == other.body_iquat()
        && one.body_invweight0() == other.body_invweight0()
        && one.dof_invweight0() == other.dof_invweight0()
        && one.stat().meaninertia == other.stat().meaninertia
        && one.geom_type().len() == other.geom_type().len()
        && one.nq() == other.nq()
        && one.nu() == other.nu()
}
