package javax.annotation;

/** The generated code has this annotation, and the libraries that come with the generator do not. */
public @interface Generated {
    String[] value();

    String comments() default "";
}
